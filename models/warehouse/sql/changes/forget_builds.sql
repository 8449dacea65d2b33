-- Forget builds whose rows are dropped.
delete from projection_builds where build in {builds:Array(String)}
