-- Use to date is counted from before the window.
alter table exposure_windows
add column if not exists since_on Date default start_on comment 'First study-local day of use that may be looked at, from enrolment or the first window on' after end_on
