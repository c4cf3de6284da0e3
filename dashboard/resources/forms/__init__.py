"""Forms of resources. What a value must look like is the API's to say; its words go to the fields."""
