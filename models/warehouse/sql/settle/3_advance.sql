-- Everything recorded up to here is settled.
insert into settlements (settled_at, checked_at)
values (least({until:DateTime64(6)}, {settled:DateTime64(6)}), {now:DateTime64(6)})
