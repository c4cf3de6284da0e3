"""The one way in which the console shows a list: a page declares a ``ListSpec``, and this draws and serves it."""
