-- Drop the coverage of builds that nobody reads any more.
delete from coverage_intervals where build in {builds:Array(String)}
