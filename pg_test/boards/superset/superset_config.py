# Owns how the test's own Superset runs: a file as its store, and no protection that an address of this machine alone would need.

import os

SECRET_KEY = "only-for-this-test-on-this-machine-0123456789"
SQLALCHEMY_DATABASE_URI = "sqlite:///" + os.environ["TALLY_SUPERSET_STORE"]
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
CONTENT_SECURITY_POLICY_WARNING = False


def FLASK_APP_MUTATOR(app):
    """Superset reads its first range in one thread: its parser changes itself then, and charts that came at once were told of a wrong sign."""
    from superset.utils.date_parser import datetime_eval

    datetime_eval('DATEADD(DATETIME("now"), -1, day)')
