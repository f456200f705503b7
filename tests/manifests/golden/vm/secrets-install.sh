TITLE=process-topk-v1
UNIT=phoenix-pipeline
FOLDER=/opt/phoenix
UNIT_FOLDER=/etc/systemd/system
ENVIRONMENT_FILE=/etc/phoenix/collector.env
VARIABLES=KEY
SECRET_FILES=/etc/phoenix/b
EXPORTERS='otlp_http otlp_grpc/b'
PATIENCE=50
SUMS='a2562a2b6beb468ee77c97127ec9e6f3c27a8950b2200884a158170dbaf25c01  collector.yaml
700f35dcecefd39d70b9e98e9ec76e4f733216d355a03798b0e00f2363e57501  phoenix-pipeline.service'
