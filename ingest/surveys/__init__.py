"""From exports of survey tools to answers."""
