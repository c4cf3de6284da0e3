"""The commands of a sandbox: the list, one command's output as it comes, running, ending."""
