-- Drop the windows of builds that nobody reads any more.
delete from exposure_windows where splitByChar(' ', panel)[1] in {builds:Array(String)}
