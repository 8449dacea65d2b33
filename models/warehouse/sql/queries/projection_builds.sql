-- The builds of a projection, in the order in which they were begun.
select projection, build, study_version, code_hash, as_of, started_at, finished_at
from projection_builds final
where projection = {projection:String}
order by started_at, build
