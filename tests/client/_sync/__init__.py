# Generated from tests/client/_async/__init__.py by tools/unasync.py: change that file, then run this tool.
