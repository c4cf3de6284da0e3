"""Charts of readings over time: what each shows, its ranges, and its data for ``static/js/charts``."""
