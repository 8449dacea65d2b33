-- Drop the coverage of single people of builds that nobody reads any more.
delete from person_coverage_intervals where build in {builds:Array(String)}
