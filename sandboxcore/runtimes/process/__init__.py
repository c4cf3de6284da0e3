"""The runtime without isolation: commands are plain processes of this machine. Only by explicit setting."""
