# worker/: see HACKING.md
