-- The columns go with their tables' next step back; what is recorded of merges stays as it is.
SELECT;
