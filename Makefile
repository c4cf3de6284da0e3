# `make up` and `make test` are all that a newcomer needs; the README says what they do.
.PHONY: up down test lint format generate locks bench screenshots
BIN := .venv/bin

# One plain command, so that make starts it without a shell between and hands SIGTERM on to it.
up:
	@deploy/run up

down:
	@deploy/run down

test:
	@deploy/bootstrap dev
	@$(MAKE) --no-print-directory lint
	@deploy/test

lint:
	@deploy/bootstrap dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m tools.unasync --check

format:
	@deploy/bootstrap dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# The synchronous client and its tests are written by this from the asynchronous ones.
generate:
	@deploy/bootstrap dev
	$(BIN)/python -m tools.unasync

bench:
	@deploy/bootstrap dev
	$(BIN)/python -m bench

# Every page, light, dark and phone, into docs/images/.
screenshots:
	@deploy/bootstrap dev
	$(BIN)/python -m tools.screenshots

# Anew from pyproject.toml; needs pip-tools.
locks:
	deploy/locks
