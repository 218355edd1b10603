"""EtcdBackup: one backup, made by a Job, that ends as Succeeded or Failed."""
