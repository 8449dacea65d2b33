-- The chunks of a build that are written.
select distinct chunk
from projection_chunks
where projection = {projection:String} and build = {build:String}
