"""From options, environment and file to one `Config`. Pure. Imports the folders from `units` to `knobs`."""
