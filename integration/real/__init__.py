"""Real wheels, hundreds of them, installed as pip installs them: ``make real``."""
