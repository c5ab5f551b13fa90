"""What all tests share. A stray warning is a failure already: see filterwarnings in setup.cfg."""
