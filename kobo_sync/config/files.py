"""The files of config/ that messages name, from the mission's folder on."""

MISSION_FILE = "config/mission.toml"
ZONES_FILE = "config/zones.csv"
SECRETS_FILE = "config/secrets.env"
