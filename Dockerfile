# The backend, and with another command the dashboard (compose.yaml). Nothing in it is secret: settings come
# from the environment.
FROM python:3.12-slim

WORKDIR /vigie
COPY requirements.txt constraints.txt ./
# cryptography: only for `python -m tools compose`, which makes the certificates of a broker of one's own
RUN pip install --no-cache-dir -r requirements.txt && pip install --no-cache-dir -c constraints.txt cryptography
COPY device device
COPY cloud cloud
COPY tools tools
COPY .streamlit/config.toml .streamlit/config.toml

# Named volumes take over who owns these folders.
RUN useradd --uid 10001 --no-create-home vigie \
 && install -d -o vigie -g vigie /house /house/broker /house/database /house/backend /house/dashboard /mails
USER vigie

ENV PYTHONPATH=/vigie PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 MPLCONFIGDIR=/tmp \
    HEALTH_PORT=8080 MQTT_CLIENT_ID=vigie-backend
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
  CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['HEALTH_PORT'] + '/healthz', timeout=4)"]
CMD ["python", "-m", "cloud", "run"]
