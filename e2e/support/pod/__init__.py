"""Programs that run inside the cluster from a ConfigMap: the standard library only, any python3 image will do."""
