# A small runbook: | <b> *stars* and `ticks`
# Runbook small, version 3, for the site prod.
# What stands in <angle brackets> has to be put in by hand. No password is on this page.


# ==== Begin ====

# 1. Take the incident
hostname; date

# 2. Freeze deployments
#    (nothing to type)


# ==== Save ====

# 3. Save otc
pg_dump -h otc-db -p 5432 -U backup -d otc | ssh backup@nas.internal "cat > '/volume1/backups/prod/otc.dump'"

# 4. Save gps
pg_dump -h gps-db -p 5432 -U backup -d gps | ssh backup@nas.internal "cat > '/volume1/backups/prod/gps.dump'"

# 5. Save arp
pg_dump -h arp-db -p 5432 -U backup -d arp | ssh backup@nas.internal "cat > '/volume1/backups/prod/arp.dump'"

# 6. arp: the old way
docker exec arp-db-prod psql -U postgres -c '\du backup'   # don't guess backup


# ==== Prove ====

# 7. Look at the disk
df -h /var/backups
tail SITE/logs/backup.log ``` /var/lib/midwatch

# 8. Disk backup below 80%?
df -h /var/backups; df -h /var/backups

# 9. Disk arp-data below 80%?
df -h /var/lib/postgresql/data; df -h /var/lib/postgresql/data
