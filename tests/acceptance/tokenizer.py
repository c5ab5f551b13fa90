"""A tokenizer for tools that want one of Hugging Face's hub, where that cannot be reached: Claude's, from a package."""

from __future__ import annotations

from acceptance.tool import Run

#: The last releases of this client that brought the vocabulary along.
TOKENIZER = "anthropic==0.34.2"

_SAVE = """if True:
    from pathlib import Path
    from importlib.metadata import files
    from transformers import PreTrainedTokenizerFast
    (file,) = [file for file in files("anthropic") if file.name == "tokenizer.json"]
    PreTrainedTokenizerFast(tokenizer_file=str(file.locate())).save_pretrained("tokenizer")
"""


def saved_tokenizer(run: Run) -> str:
    """The folder in which the tokenizer is, as transformers' `from_pretrained` takes it."""
    run.run(run.python, "-c", _SAVE)
    return str(run.folder / "tokenizer")
