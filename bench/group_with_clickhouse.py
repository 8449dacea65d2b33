"""The least that reading the log by person and function costs: a plain GROUP BY.

Of the merged log, so without FINAL. Argument: folder.
"""

import sys
from pathlib import Path

import clickhouse_connect

from bench.exposure_log import dsn
from bench.measuring import measured

PLAIN = """
select participant_id, function, count() as events from events
group by participant_id, function
"""

if __name__ == "__main__":
    client = clickhouse_connect.get_client(dsn=dsn(Path(sys.argv[1])))
    with measured():
        client.query_arrow(PLAIN)
    client.close()
