"""When each step leaves: plans, the pacer, gates and the player. Imports the folders from `units` to `wire`."""
