-- Forget builds whose rows are dropped.
delete from projection_builds
where projection = {projection:String} and build in {builds:Array(String)}
