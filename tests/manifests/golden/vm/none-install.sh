TITLE=process-topk-v1
UNIT=phoenix-pipeline
FOLDER=/opt/phoenix
UNIT_FOLDER=/etc/systemd/system
ENVIRONMENT_FILE=/etc/phoenix/collector.env
VARIABLES=''
SECRET_FILES=''
EXPORTERS=''
PATIENCE=50
SUMS='a2562a2b6beb468ee77c97127ec9e6f3c27a8950b2200884a158170dbaf25c01  collector.yaml
2f7c900f5527091f6671dc259b344c3f1a0fff96bcc982e99aedbb42f6a65a77  phoenix-pipeline.service'
