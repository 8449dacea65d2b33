-- Everything recorded up to here is settled.
insert into settlements (settled_at, checked_at) values ({until:DateTime64(6)}, {checked_at:DateTime64(6)})
