-- Forget the chunks of builds whose rows are dropped.
delete from projection_chunks where build in {builds:Array(String)}
