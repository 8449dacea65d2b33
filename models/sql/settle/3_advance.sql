-- Everything recorded up to here is settled.
insert into settlements (settled_at) values ({until:DateTime64(6)})
