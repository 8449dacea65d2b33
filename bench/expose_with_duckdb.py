"""A rival: DuckDB counts the same from Parquet without repetitions.

Arguments: folder, kind of windows, variant. Parquet lies in our table's order, people
are small numbers and Tokyo is nine hours ahead: what an expert would make use of.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

import duckdb
import pyarrow.parquet as pq

from bench.exposure_log import EVENTS, WINDOWS, rival_cells
from bench.measuring import measured

SETTING = """
create view acts as
select who, function, occurred_at + interval 9 hour as local_at, local_at::date as day from '{events}';
create table windows as select * from '{windows}';
"""
VARIANTS: Mapping[str, str] = {
    "join": """
select who, wave, function, sum(n) as events, count(*) as days
from (
    select a.who, wave, function, day, count(*) as n
    from acts a join windows w on a.who = w.who and a.local_at >= w.observable_from and a.local_at < w.observable_until
    group by all
) group by all
""",
    "distinct": """
select a.who, wave, function, count(*) as events, count(distinct day) as days
from acts a join windows w on a.who = w.who and a.local_at >= w.observable_from and a.local_at < w.observable_until
group by all
""",
    "rollup": """
with use as materialized (select who, function, day, count(*) as n from acts group by all)
select u.who, wave, function, sum(n) as events, count(*) as days
from use u join windows w on u.who = w.who and u.day >= w.observable_from and u.day < w.observable_until
group by all
""",
    "bits": """
select a.who, wave, function, count(*) as events,
    coalesce(bit_count(bit_or(1::bigint << (since % 60)) filter (since // 60 = 0)), 0)::int
    + coalesce(bit_count(bit_or(1::bigint << (since % 60)) filter (since // 60 = 1)), 0)::int
    + coalesce(bit_count(bit_or(1::bigint << (since % 60)) filter (since // 60 = 2)), 0)::int as days
from (
    select a.who, wave, function, (day - observable_from)::int as since
    from acts a join windows w on a.who = w.who and a.local_at >= w.observable_from and a.local_at < w.observable_until
) a
group by all
""",
}
PLAIN = ("join", "distinct", "rollup")
"""Those that count as one writes it down."""

if __name__ == "__main__":
    folder, kind, variant = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    paths = {"events": folder / EVENTS, "windows": folder / WINDOWS.format(kind)}
    engine = duckdb.connect()
    with measured():
        engine.execute(SETTING.format(**paths))
        found = engine.sql(VARIANTS[variant]).to_arrow_table()
    pq.write_table(found, rival_cells(folder))
