-- The versions of the study in the order in which they held.
select version, used_at from study_uses final order by used_at, version
