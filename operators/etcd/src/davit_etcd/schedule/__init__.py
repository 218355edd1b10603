"""EtcdBackupSchedule: EtcdBackups at set times."""
