"""Small counts by number, in a tenth of the memory of a dictionary: each second that is kept has hundreds."""

from __future__ import annotations

from array import array
from collections.abc import ItemsView, Iterator, Mapping, ValuesView


class PackedCounts(Mapping[int, int]):
    """The counts of `counts`, which never change. Who looks at many of them takes `items`."""

    __slots__ = ("_numbers", "_counts")

    def __init__(self, counts: Mapping[int, int]) -> None:
        self._numbers = array("q", counts.keys())
        self._counts = array("q", counts.values())

    def __getitem__(self, number: int) -> int:
        try:
            return self._counts[self._numbers.index(number)]
        except ValueError:
            raise KeyError(number) from None

    def items(self) -> ItemsView[int, int]:
        return dict(zip(self._numbers, self._counts, strict=True)).items()

    def values(self) -> ValuesView[int]:
        return dict(enumerate(self._counts)).values()

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)
