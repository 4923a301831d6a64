# make setup     .venv/bin/isakmpd, ready to run
# make demo      two gateways, a tunnel, pings through it, and the proof that it is encrypted
# make test      install what the tests need and run them all (ARGS="-k name" to choose)
# make check     style, types and architecture
# make bench     handshakes and throughput, compared with strongSwan in the same run; start-up
# make fuzz      every target of fuzz/ for a minute (ARGS="--minutes 30 wire" to choose)
# make soak      a thousand scenarios of every kind in a simulated world
# make deb       dist/isakmpd_*.deb, an installable Debian package
# make lock      write the lock files anew (UPGRADE=1 for the newest versions)
# make clean     remove what the above made

PYTHON_HERE := .venv/bin/python
export PATH := $(PATH):/usr/sbin:/sbin

.PHONY: help setup develop demo test check bench fuzz soak deb lock clean

help:
	@sed -n 's/^# make /make /p' Makefile

setup:
	@scripts/setup requirements.lock

develop:
	@scripts/setup requirements-test.lock

demo: setup
	@scripts/system-packages demo
	@$(PYTHON_HERE) -m demo

test: develop
	@scripts/system-packages test
	$(PYTHON_HERE) -m pytest $(ARGS)

check: develop
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	$(PYTHON_HERE) -m pytest -q tests/architecture

bench: develop
	@scripts/system-packages bench
	$(PYTHON_HERE) -m bench $(ARGS)

fuzz: develop
	$(PYTHON_HERE) -m fuzz $(ARGS)

soak: develop
	@scripts/system-packages bench
	$(PYTHON_HERE) -m bench.soak $(ARGS)

deb: setup
	@scripts/deb

lock:
	@scripts/lock

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
