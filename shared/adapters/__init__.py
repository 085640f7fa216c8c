"""The only code that talks to the outside; chosen by hosts, unknown to everybody else."""
