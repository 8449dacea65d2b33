-- Everything recorded up to here is settled.
INSERT INTO settlements (settled_at) VALUES ({until:DateTime64(6)})
