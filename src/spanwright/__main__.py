"""`python -m spanwright`, also under `accelerate launch -m` and `torchrun -m`."""

from spanwright.cli import main

if __name__ == "__main__":
    main()
