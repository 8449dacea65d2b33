-- Drop the measured use of builds that nobody reads any more.
delete from exposure_facts where build in {builds:Array(String)}
