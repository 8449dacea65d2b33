-- Forget the chunks of builds whose rows are dropped.
delete from projection_chunks
where projection = {projection:String} and build in {builds:Array(String)}
