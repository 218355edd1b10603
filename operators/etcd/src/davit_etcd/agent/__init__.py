"""What runs in the Jobs of backups and restores, never in the operator: `python3 -OO -m davit_etcd.agent <command>`.

Only these modules may load minio, pycurl, zstandard and pyrage, which take more memory than all of the operator.
"""
