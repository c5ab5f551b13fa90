"""What the program does beside serving: its log on stderr, idle work. Imports no other folder."""
