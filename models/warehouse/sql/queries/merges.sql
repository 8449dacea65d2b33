-- Of each id that was ever merged what was stated last.
select
    lower(hex(merges.alias)) as alias,
    lower(hex(argMax(merges.same_as, recorded_at))) as same_as,
    argMax(merges.stated_at, recorded_at) as stated_at,
    argMax(merges.line, recorded_at) as line,
    argMax(merges.origin, recorded_at) as origin,
    argMax(merges.links, recorded_at) as links
from merges
group by merges.alias
order by stated_at, line, alias
