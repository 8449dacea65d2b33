-- Drop the items of builds that nobody reads any more.
delete from instrument_items where build in {builds:Array(String)}
