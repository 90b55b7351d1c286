"""One reader of recordings: what people have is read right, or refused with the line and a cure."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest

from cloud.recording import RecordingRefused, description, read, recording_command

BEGIN = 1_760_000_000  # 2025-10-09 08:53:20 UTC
T = [21.68, 21.7, -0.55, 21.64]
H = [43.03, 42.92, 42.0, 100.0]


def write(folder: Path, text: str | bytes, name: str = "r.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def ask(path: Path, options: str = ""):
    return read(path, description.parse(shlex.split(options)))


def check(recording, start: float = BEGIN, step: float = 60.0) -> None:
    """It is the reading of T and H, a minute apart."""
    np.testing.assert_allclose(recording.ts, start + step * np.arange(4), atol=1e-3)
    np.testing.assert_allclose(recording.t, T, atol=0.006)
    np.testing.assert_allclose(recording.h, H, atol=0.006)


def rows(form: str, times: list[str]) -> str:
    return "".join(form.format(ts=ts, t=t, h=h) + "\n" for ts, t, h in zip(times, T, H, strict=True))


UNIX = [str(BEGIN + 60 * i) for i in range(4)]
ISO = [f"2025-10-09 08:{53 + i}:20" for i in range(4)]


DAYS = [f"{{}}2025{{}} 08:{53 + i}:20" for i in range(4)]  # the ninth of October, in words
OCTOBER = "ts;t;h\n" + rows("{ts};{t};{h}", DAYS)
WIDE = str.maketrans("0123456789.", "０１２３４５６７８９．")
# name: text, options, words that must be said
READ = {
    "plain": ("ts,t,h\n" + rows("{ts},{t},{h}", UNIX), "", ""),
    "other order, other columns, quotes": ('h,"x",ts,t\n' + rows('{h},"a,b",{ts},"{t}"', UNIX), "", ""),
    "capitals and blanks": (" TS , T , H \n" + rows("{ts}, {t} , {h}", UNIX), "", ""),
    "milliseconds": ("ts,t,h\n" + rows("{ts}000,{t},{h}", UNIX), "", "milliseconds"),
    "nanoseconds": ("time,t,h\n" + rows("{ts}000000000,{t},{h}", UNIX), "", "nanoseconds"),
    "fractions": ("ts,t,h\n" + rows("{ts}.0001,{t},{h}", UNIX), "", ""),
    "exponents": ("ts,t,h\n" + rows("{ts}E+0,{t}e0,{h}E-0", UNIX), "", ""),
    "a spreadsheet's days": (
        "ts,t,h\n"
        + rows("{ts},{t},{h}", [f"{45939 + (BEGIN + 60 * i) % 86400 / 86400:.9f}" for i in range(4)]),
        "",
        "day number",
    ),
    "month, day, year in words": (
        "Timestamp;t;h\n" + rows("{ts};{t};{h}", [f"Oct 9, 2025 08:{53 + i}:20" for i in range(4)]),
        "",
        "no zone",
    ),
    "with a weekday, a full month and a dot": (
        "Timestamp;t;h\n"
        + rows(
            "{ts};{t};{h}",
            [
                f"{day} 9 2025 8:{53 + i}:20 AM"
                for i, day in enumerate(["Thu October", "Oct.", "Oct", "October"])
            ],
        ),
        "",
        "no zone",
    ),
    "a letter in a name that is no unit": (
        "time,K. temperature,F humidity\n" + rows("{ts},{t},{h}", UNIX),
        "",
        "t is 'K. temperature'",
    ),
    "ISO": ("ts,t,h\n" + rows("{ts},{t},{h}", ISO), "", "no zone: taken as UTC"),
    "ISO with T and Z": ("ts,t,h\n" + rows("{ts},{t},{h}", [s.replace(" ", "T") + "Z" for s in ISO]), "", ""),
    "ISO with parts of a second": (
        "ts,t,h\n" + rows("{ts},{t},{h}", [ISO[0] + "+00:00", *(s + ".000123+00:00" for s in ISO[1:])]),
        "",
        "",
    ),
    "an offset": ("ts,t,h\n" + rows("{ts}+02:00,{t},{h}", [s.replace("08:", "10:") for s in ISO]), "", ""),
    "a zone's name": ("ts,t,h\n" + rows("{ts} CEST,{t},{h}", [s.replace("08:", "10:") for s in ISO]), "", ""),
    "UTC behind": ("created_at,t,h\n" + rows("{ts} UTC,{t},{h}", ISO), "", "ts is 'created_at'"),
    "a zone in the header": (
        '"Date Time, GMT-07:00","Temp, °C (LGR S/N: 1, SEN S/N: 2)","RH, % (LGR S/N: 1)"\n'
        + rows("10/{ts} AM,{t},{h}", [f"09/25 01:{53 + i}:20" for i in range(4)]),
        "--dates mdy",
        "GMT-07:00",
    ),
    "a zone that is asked for": (
        "ts,t,h\n" + rows("{ts},{t},{h}", [s.replace("08:", "10:") for s in ISO]),
        "--zone Europe/Paris",
        "",
    ),
    "German spreadsheet": (
        "Zeitpunkt;Temperatur (°C);Luftfeuchte (%)\r\n"
        + rows("{ts};{t};{h}", [f"09.10.2025 08:{53 + i}:20" for i in range(4)])
        .replace("\n", "\r\n")
        .replace("21.", "21,")
        .replace("-0.", "-0,")
        .replace("43.", "43,")
        .replace("42.", "42,")
        .replace("100.", "100,"),
        "",
        "decimal commas",
    ),
    "decimal commas in quotes": (
        "ts,t,h\n" + rows('{ts},"{t}","{h}"', UNIX).replace(".", ","),
        "",
        "decimal commas",
    ),
    "date and time apart, points in the time": (
        "Date;Time;T;RH;AH\n" + rows("09/10/2025;{ts};{t};{h};7", [f"08.{53 + i}.20" for i in range(4)]),
        "--dates dmy",
        "ts is 'Date+Time'",
    ),
    "American": (
        "Time,Temp,Humidity\n"
        + rows('"{ts}",{t},{h}', [f"10/09/2025, 8:{53 + i}:20 a.m." for i in range(4)]),
        "--dates mdy",
        "",
    ),
    "months in words": (
        "Date/Time,Temp,Hum\n" + rows("{ts},{t},{h}", [f"9-Oct-2025 08:{53 + i}:20" for i in range(4)]),
        "",
        "",
    ),
    "compact": ("ts,t,h\n" + rows("{ts},{t},{h}", [f"2025100908{53 + i}20" for i in range(4)]), "", ""),
    "SensorPush": (
        "Timestamp for sample frequency every 1 min,Temperature (°C) (calibrated +0.0°C),"
        "Relative Humidity (%)\n" + rows("{ts},{t},{h}", ISO),
        "",
        "Temperature (°C)",
    ),
    "Govee in °C": (
        "\ufeffTimestamp for sample frequency every 15 min min, Temperature_Celsius(℃),Relative_Humidity(%)\n"
        + rows("{ts},{t},{h}", ISO),
        "",
        "Relative_Humidity",
    ),
    "both units": (
        "time,temp_c,temp_f,humidity\n" + rows("{ts},{t},70.1,{h}", UNIX),
        "",
        "t is 'temp_c'",
    ),
    "ThingSpeak": (
        "created_at,entry_id,field1,field2,field3,latitude,status\n"
        + rows("{ts} UTC,1,{t},{h},1013.2,,", ISO),
        "--columns t=field1,h=field2",
        "",
    ),
    "units behind the numbers": (
        '"Time","Temperature","Humidity"\n' + rows("{ts},{t} °C,{h}%", ISO),
        "",
        "",
    ),
    "no reading that matters before the table": (
        "Plot Title: cellar\nSerial;123\n\nsensor 7\nts;t;h\n" + rows("{ts};{t};{h}", UNIX),
        "",
        "begins at line 5",
    ),
    "what Excel puts before": ("sep=;\nts;t;h\n" + rows("{ts};{t};{h}", UNIX), "", ""),
    "tabs": ("ts\tt\th\n" + rows("{ts}\t{t}\t{h}", UNIX), "", ""),
    "Windows lines and empty ones": (
        "ts,t,h\n\n" + rows("{ts},{t},{h}", UNIX).replace("\n", "\r\n\r\n"),
        "",
        "",
    ),
    "old Mac lines": (("ts,t,h\n" + rows("{ts},{t},{h}", UNIX)).replace("\n", "\r"), "", ""),
    "no header": (rows("{ts},{t},{h}", UNIX), "--columns ts=1,t=2,h=3", ""),
    "two columns of one name": (
        "ts,temp,temp,h\n" + rows("{ts},5,{t},{h}", UNIX),
        "--columns t=3",
        "",
    ),
    "swapped names": ("ts,t,h\n" + rows("{ts},{h},{t}", UNIX), "--columns t=h,h=t", ""),
    "rooms side by side": (
        "date,T1,RH_1,T2,RH_2,T_out\n" + rows("{ts},1,2,{t},{h},3", ISO),
        "--columns t=T2,h=RH_2",
        "",
    ),
    "sketches print it": (
        "The device has restarted\n" + rows("Temperature: {t} Humidity: {h} Date/Time: {ts}", ISO),
        "",
        "1 lines are no readings (first: line 1)",
    ),
    "a serial monitor with its time": (
        rows("{ts} -> Humidity: {h} %  Temperature: {t} *C", ISO),
        "",
        "lines of names and values",
    ),
    "Latin-1": (
        ("ts,t,h,Ort\n" + rows("{ts},{t},{h},Küche °C", UNIX)).encode("latin-1"),
        "",
        "read as Windows-1252",
    ),
    "UTF-16": (("ts,t,h\n" + rows("{ts},{t},{h}", UNIX)).encode("utf-16"), "", "UTF-16"),
    "UTF-16 without a mark": (("ts,t,h\n" + rows("{ts},{t},{h}", UNIX)).encode("utf-16-le"), "", "UTF-16"),
    "zero bytes of a power cut": (
        "ts,t,h\n" + rows("{ts},{t},{h}", UNIX) + "\0" * 100,
        "",
        "100 zero bytes",
    ),
    "kelvin": (
        "ts,T (K),h\n" + "".join(f"{u},{t + 273.15:.2f},{h}\n" for u, t, h in zip(UNIX, T, H)),
        "--unit K",
        "from kelvin",
    ),
    "tenths": (
        "ts,t,h\n" + "".join(f"{u},{t * 100:.0f},{h * 10:.1f}\n" for u, t, h in zip(UNIX, T, H)),
        "--unit 0.01C,h=0.1%",
        "hundredths of °C",
    ),
    "a fraction": (
        "ts,t,h\n" + "".join(f"{u},{t},{h / 100:.4f}\n" for u, t, h in zip(UNIX, T, H)),
        "--unit h=fraction",
        "from fraction",
    ),
    "newest first": (
        "ts,t,h\n" + "".join(reversed(rows("{ts},{t},{h}", UNIX).splitlines(True))),
        "",
        "line 3): sorted",
    ),
    "twice in the file": (
        "ts,t,h\n" + 2 * rows("{ts},{t},{h}", UNIX),
        "",
        "4 rows stand twice",
    ),
    "joined files": (
        2 * "ts,t,h\n" + rows("{ts},{t},{h}", UNIX),
        "",
        "header is repeated 1 times",
    ),
    "rows without a time": (
        "ts,t,h\n,1,2\n" + rows("{ts},{t},{h}", UNIX) + ",3,4\n",
        "",
        "2 rows without a time are left out (first: line 2)",
    ),
    "one device of two": (
        "site,device,ts,t,h\n"
        + "".join(f"demo,C001,{u},{t},{h}\ndemo,C002,{u},9,9\n" for u, t, h in zip(UNIX, T, H)),
        "--device C001",
        "4 of 8 rows are device demo/C001",
    ),
    "Home Assistant": (
        "entity_id,state,last_changed\n"
        + "".join(
            f"sensor.cellar_temperature,{t},{u}.000Z\nsensor.cellar_humidity,{h},{u}.250Z\n"
            "sensor.cellar_battery,90," + f"{u}.300Z\n"
            for u, t, h in zip([s.replace(" ", "T") for s in ISO], T, H)
        ),
        "",
        "t is 'sensor.cellar_temperature', h is 'sensor.cellar_humidity'",
    ),
    "French months": (OCTOBER.format(*8 * ("jeudi 9 octobre ", " à")), "", ""),
    "German months": (OCTOBER.format(*8 * ("9. Okt. ", "")), "", ""),
    "Spanish months": (OCTOBER.format(*8 * ("9 de octubre de ", "")), "", ""),
    "a short French year": (
        "ts;t;h\n" + rows("{ts};{t};{h}", [f"09-oct.-25 08h{53 + i}:20" for i in range(4)]),
        "",
        "",
    ),
    "asctime": (
        "ts,t,h\n" + rows("{ts},{t},{h}", [f"Thu Oct  9 08:{53 + i}:20 2025" for i in range(4)]),
        "",
        "",
    ),
    "date of Unix": (
        "ts,t,h\n" + rows("{ts},{t},{h}", [f"Thu Oct  9 10:{53 + i}:20 CEST 2025" for i in range(4)]),
        "",
        "",
    ),
    "JavaScript's dates": (
        "ts,t,h\n"
        + rows(
            "{ts},{t},{h}",
            [f"Thu Oct 09 2025 10:{53 + i}:20 GMT+0200 (Central European Summer Time)" for i in range(4)],
        ),
        "",
        "",
    ),
    "an offset and its zone": (
        "ts,t,h\n" + rows("{ts}+02:00[Europe/Paris],{t},{h}", [s.replace(" 08:", "T10:") for s in ISO]),
        "",
        "",
    ),
    "ISO without marks": (
        "ts,t,h\n" + rows("{ts},{t},{h}", [f"20251009T08{53 + i}20Z" for i in range(4)]),
        "",
        "",
    ),
    "am without a blank": (
        "ts,t,h\n" + rows("{ts}am,{t},{h}", [s.replace(" 08", " 8") for s in ISO]),
        "",
        "",
    ),
    "zones in some rows": (
        "ts,t,h\n" + rows("{ts},{t},{h}", [*ISO[:2], ISO[2] + "Z", ISO[3] + "Z"]),
        "",
        "no zone in 2 rows (first: line 2)",
    ),
    "wide digits": (
        ("ts,t,h\n" + rows("{ts},{t},{h}", UNIX)).translate(WIDE),
        "",
        "digits of another script",
    ),
    "Arabic digits": (
        ("ts;t;h\n" + rows("{ts};{t};{h}", UNIX)).translate(str.maketrans("0123456789.", "٠١٢٣٤٥٦٧٨٩٫")),
        "",
        "digits of another script",
    ),
    "Chinese": ("时间,温度(℃),相对湿度(%)\n" + rows("{ts},{t},{h}", ISO), "", "t is '温度(℃)'"),
    "Japanese": ("日時,温度,湿度\n" + rows("{ts},{t},{h}", ISO), "", "ts is '日時'"),
    "Russian": ("Время;Температура;Влажность\n" + rows("{ts};{t};{h}", ISO), "", "h is 'Влажность'"),
    "a line of units": (
        "time,temperature,humidity\nUTC,degC,%\n" + rows("{ts},{t},{h}", ISO),
        "",
        "line 2 gives units: UTC, degC, %",
    ),
    "TOA5 of Campbell": (
        '"TOA5","CR1000","1234","x"\n"TIMESTAMP","RECORD","AirTC_Avg","RH"\n"TS","RN","Deg C","%"\n'
        '"","","Avg","Smp"\n' + rows('"{ts}",1,{t},{h}', ISO),
        "",
        "line 3 gives units",
    ),
    "a table of Markdown": (
        "| time | t | h |\n|---|---|---|\n" + rows("| {ts} | {t} | {h} |", ISO),
        "",
        "1 lines without a letter or digit",
    ),
    "blanks between the columns": (
        "  date       time      t     h\n" + rows(" {ts}   {t}  {h}", ISO),
        "",
        "ts is 'date+time'",
    ),
    "a mark amid the file": (
        "\ufeffts,t,h\n" + rows("{ts},{t},{h}", UNIX[:4]).replace("\n", "\n\ufeffts,t,h\n", 1),
        "",
        "repeated 1 times",
    ),
    "columns that change places": (
        "ts,t,h\n"
        + f"{UNIX[0]},{T[0]},{H[0]}\n"
        + "ts,h,t\n"
        + "".join(f"{u},{h},{t}\n" for u, t, h in zip(UNIX[1:], T[1:], H[1:])),
        "",
        "repeated 1 times",
    ),
    "a last line that is half written": (
        "ts,t,h\n" + rows("{ts},{t},{h}", UNIX) + f"{BEGIN + 240},2",
        "",
        "line 6, the last, ends early: left out",
    ),
    "a time column that is empty": (
        "statistic_id,unit,last_reset,start,mean,min,max\n"
        + "".join(
            f"sensor.a_temperature,°C,,{u},{t},1,2\nsensor.a_humidity,%,,{u},{h},1,2\n"
            for u, t, h in zip(ISO, T, H)
        ),
        "",
        "h is 'sensor.a_humidity'",
    ),
    "one value a row, in German": (
        "Zeit;Sensor;Wert\n"
        + "".join(f"{u};Temperatur;{t}\n{u};Luftfeuchte;{h}\n" for u, t, h in zip(ISO, T, H)),
        "",
        "t is 'Temperatur'",
    ),
    "InfluxDB, annotated": (
        "#group,false,false,true,true,false,false,true\n"
        "#datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string\n"
        "#default,_result,,,,,,\n,result,table,_start,_stop,_time,_value,_field\n"
        + "".join(f",,0,x,y,{u}Z,{t},temperature\n" for u, t in zip([s.replace(" ", "T") for s in ISO], T))
        + "\n#group,false,false,true,true,false,false,true\n#datatype,a,b,c,d,e,f,g\n#default,_result,,,,,,\n"
        ",result,table,_field,_start,_stop,_time,_value\n"
        + "".join(f",,1,humidity,x,y,{u}Z,{h}\n" for u, h in zip([s.replace(" ", "T") for s in ISO], H)),
        "",
        "h is 'humidity'",
    ),
}


@pytest.mark.parametrize("name", READ)
def test_what_people_have_is_read_right_and_what_is_assumed_is_said(name, tmp_path) -> None:
    text, options, note = READ[name]
    checks = ask(write(tmp_path, text), options)
    check(checks)
    assert note in "\n".join(checks.notes)
    assert all("\n" not in line for line in checks.notes)


def test_a_plain_file_is_read_without_a_word(tmp_path) -> None:
    assert ask(write(tmp_path, READ["plain"][0])).notes == []


# name: text, what is said, the option that cures it (None: the file has to be mended)
REFUSED = {
    "no temperature": ("ts,x,y\n" + rows("{ts},{t},{h}", UNIX), "no column 't'", "--columns t=x,h=y"),
    "ThingSpeak": (
        "created_at,entry_id,field1,field2,latitude\n" + rows("{ts} UTC,1,{t},{h},", ISO),
        "field1=21.68, field2=43.03",
        "--columns t=field1,h=field2",
    ),
    "no header": (rows("{ts},{t},{h}", UNIX), ":1: there is no header", "--columns ts=1,t=2,h=3"),
    "no time": ("t,h\n" + rows("{t},{h}", UNIX), "no column 'ts'", "--period 60"),
    "several rooms": (
        "ts,T1,RH_1,T2,RH_2\n" + rows("{ts},{t},{h},1,2", UNIX),
        "several columns may be t: 'T1', 'T2'; several columns may be h: 'RH_1', 'RH_2'",
        "--columns t=T1,h=RH_1",
    ),
    "several devices": (
        "device,ts,t,h\n" + "".join(f"C001,{u},{t},{h}\nC002,{u},9,9\n" for u, t, h in zip(UNIX, T, H)),
        "has C001, C002: choose one",
        "--device C001",
    ),
    "several entities": (
        "entity_id,state,last_changed\n"
        + "".join(f"sensor.{r}_temperature,{t},{u}Z\n" for u, t in zip(ISO, T) for r in ("a", "b")),
        "several series may be t: sensor.a_temperature, sensor.b_temperature",
        "--columns t=sensor.a_temperature",
    ),
    "row numbers": (
        "ts,t,h\n" + rows("{ts},{t},{h}", list("0123")),
        ":2: ts '0' is no Unix time",
        "--period 60",
    ),
    "milliseconds since the start": (
        "ts,t,h\n" + rows("{ts},{t},{h}", ["5000", "65000", "125000", "185000"]),
        "no Unix time",
        "--period 60",
    ),
    "seconds since 2000": (
        "ts,t,h\n" + rows("{ts},{t},{h}", [str(int(u) - 946684800) for u in UNIX]),
        "Add 946684800",
        None,
    ),
    "lost digits": ("ts,t,h\n" + 20 * rows("1.76E+09,{t},{h}", UNIX), "lost its digits", None),
    "no date": (
        "ts,t,h\n" + rows("{ts},{t},{h}", [s[11:] for s in ISO]),
        "time of day without a date",
        "--period 60",
    ),
    "either day or month first": (
        "ts,t,h\n" + rows("{ts},{t},{h}", [f"09/10/2025 08:{53 + i}:20" for i in range(4)]),
        "may be day/month/year or month/day/year",
        "--dates dmy",
    ),
    "a zone of several": ("ts,t,h\n" + rows("{ts} IST,{t},{h}", ISO), ":2: the zone 'IST'", None),
    "a bad time": (
        "ts,t,h\n" + rows("{ts},{t},{h}", [*UNIX[:2], "soon", UNIX[3]]),
        ":4: ts 'soon' is not",
        None,
    ),
    "°F in the header": (
        "ts,Temperature (°F),Humidity\n" + rows("{ts},70.5,{h}", UNIX),
        "Temperature (°F)) is in °F",
        "--unit F",
    ),
    "two units in the header": (
        "ts,Temperature_Celsius(℉),Relative_Humidity(%)\n" + rows("{ts},70.1,{h}", UNIX),
        "names °C and °F",
        "--unit F",
    ),
    "°F by the values": ("ts,t,h\n" + rows("{ts},71.5,{h}", UNIX), "looks like °F", "--unit F"),
    "°F behind the numbers": ("ts,t,h\n" + rows("{ts},71.5 °F,{h}", UNIX), "is in °F", "--unit F"),
    "kelvin by the values": ("ts,t,h\n" + rows("{ts},294.35,{h}", UNIX), "looks like kelvin", "--unit K"),
    "tenths by the values": ("ts,t,h\n" + rows("{ts},215,{h}", UNIX), "looks like tenths", "--unit 0.1C"),
    "hundredths by the values": (
        "ts,t,h\n" + rows("{ts},2150,{h}", UNIX),
        "looks like hundredths",
        "--unit 0.01C",
    ),
    "a fraction": ("ts,t,h\n" + rows("{ts},{t},0.43", UNIX), "looks like fraction", "--unit h=fraction"),
    "unquoted decimal commas": (
        "ts,t,h\n" + rows("{ts},{t},{h}", UNIX).replace(".", ","),
        ":2: more cells than the header's 3 columns",
        None,
    ),
    "points and commas": (
        "ts;t;h\n" + rows("{ts};{t};{h}", UNIX) + f"{BEGIN + 300};21,7;43,5\n",
        "has a comma and line 2 '21.68' a point",
        None,
    ),
    "thousands": ("ts;t;h\n" + rows("{ts};1.021,68;{h}", UNIX), "is no number", None),
    "words": ("ts,t,h\n" + rows("{ts},warm,{h}", UNIX), ":2: t 'warm' is no number", None),
    "beyond any sensor": ("ts,t,h\n" + rows("{ts},-200,{h}", UNIX), "beyond what a sensor measures", None),
    "an open quote": (
        "ts,t,h,note\n" + "".join(f'{u},{t},{h},"x\n' for u, t, h in zip(UNIX, T, H)),
        ':2: a quote (") opens',
        None,
    ),
    "kelvin in the name, °C in the cells": (
        "ts,Temp (K),h\n" + rows("{ts},{t},{h}", UNIX),
        "names kelvin, but is about",
        "--unit C",
    ),
    "a footer": (
        "ts,t,h\n" + 6 * rows("{ts},{t},{h}", UNIX) + "Average,20.1,45\n",
        "or delete these rows",
        None,
    ),
    "a quote that never ends": (
        "ts,t,h,note\n" + rows("{ts},{t},{h},x", UNIX) + '1,2,3,"y\n4,5,6,7\n',
        ':6: a quote (") opens',
        None,
    ),
    "a huge cell": (
        "ts,t,h,note\n" + rows("{ts},{t},{h},x", UNIX) + "1,2,3," + "y" * 200000 + "\n",
        ":6: field larger than field limit",
        None,
    ),
    "names that say nothing": (
        "quand;Aa;Bb\n" + rows("{ts};{t};{h}", [f"09.10.2025 08:{53 + i}:20" for i in range(4)]),
        "no column 't'",
        "--columns ts=quand,t=Aa,h=Bb",
    ),
    "a line of units in °F": (
        "time,t,h\nUTC,degF,%\n" + rows("{ts},71.5,{h}", ISO),
        "t is in °F",
        "--unit F",
    ),
    "another table below": (
        "ts,temp (°C),h\n" + rows("{ts},{t},{h}", UNIX) + "ts,temp (°F),h\n" + rows("{ts},70,{h}", UNIX),
        ":6: a table with other columns begins",
        None,
    ),
    "swapped by a spreadsheet": (
        "ts,t,h\n11/10/2025,20,40\n12/10/2025,20,40\n10/13/2025,20,40\n10/14/2025,20,40\n",
        ":2: ts '11/10/2025' has day and month the other way round",
        None,
    ),
    "a date in the first row alone": (
        "Date,Time,t,h\n2025-10-09,08:53,21,40\n,08:54,21,40\n,08:55,21,40\n",
        ":3: the date of Date+Time is empty here, as in 2 rows",
        None,
    ),
    "bzip2": (b"BZh91AY&SY", "bunzip2", None),
    "a 7z archive": (b"7z\xbc\xaf\x27\x1c", "7z archive", None),
    "a picture": (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(1, 30)), "no text", None),
    "JSON over lines": ('[\n  {"ts": 1, "t": 2}\n]', "read_json", None),
    "JSON with readings inside": ('{"readings": [\n{"ts": 1}]}\n', "no list of readings", None),
    "InfluxDB's line protocol": (
        "climate,room=k temperature=21.5,humidity=40 1743156000000000000\n",
        "line protocol",
        None,
    ),
    "one column": ("readings\n1\n2\n", "has no columns", None),
    "a text": (
        "About this board\nIt stands in the cold room and measures.\n"
        "Time and temperature and humidity are on its label.\nAsk Ada.\n",
        "has no columns",
        None,
    ),
    "empty": ("", "is empty", None),
    "blank": ("\n \n\n", "is empty", None),
    "a header alone": ("ts,t,h\n", "a header and no rows", None),
    "a workbook": (b"PK\x03\x04 and so on", "workbook", None),
    "a web page": ("<!DOCTYPE html><html></html>", "web page", None),
    "JSON": ('[{"ts": 1, "t": 2}]', "read_json", None),
    "a zip": (b"\x1f\x8b and so on", "gunzip", None),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_read_is_refused_with_its_place_and_a_cure_that_works(name, tmp_path) -> None:
    text, message, cure = REFUSED[name]
    path = write(tmp_path, text)
    with pytest.raises(RecordingRefused, match=re.escape(message)) as refused:
        ask(path)
    assert str(refused.value).startswith(str(path))
    assert "\n" not in str(refused.value)
    if cure:
        assert cure in str(refused.value)
        assert len(ask(path, cure).ts) >= 4


def test_home_assistants_holes_are_failed_reads_and_values_hold_until_the_next(tmp_path) -> None:
    text = "entity_id,state,last_changed\n"
    for minute, name, state in (
        (0, "temperature", "21.5"),
        (0, "humidity", "40"),
        (1, "temperature", "21.6"),
        (2, "humidity", "41"),
        (3, "temperature", "unavailable"),
        (3, "humidity", "unknown"),
        (4, "temperature", "21.7"),
        (4, "humidity", "42"),
    ):
        text += f"sensor.a_{name},{state},2025-10-09T08:0{minute}:00.000Z\n"
    checks = ask(write(tmp_path, text))
    np.testing.assert_array_equal(checks.t, [21.5, 21.6, 21.6, np.nan, 21.7])
    np.testing.assert_array_equal(checks.h, [40, 40, 41, np.nan, 42])
    assert "come apart in 2 rows" in "\n".join(checks.notes)


def test_temperature_alone_is_read_and_said(tmp_path) -> None:
    checks = ask(write(tmp_path, "ts,Temperature\n" + rows("{ts},{t}", UNIX)))
    assert checks.h.tolist() == [50.0] * 4
    assert any("no humidity: 50 %RH is put in its place" in line for line in checks.notes)


def test_the_order_of_day_and_month_is_proved_by_the_file(tmp_path) -> None:
    """By a day past the twelfth; else by the span: a logger does not write one day a month."""
    thirteenth = [f"{day:02}/10/2025 12:00" for day in (10, 11, 12, 13)]
    checks = ask(write(tmp_path, "ts,t,h\n" + rows("{ts},{t},{h}", thirteenth)))
    assert checks.ts[0] == 1760097600 and checks.ts[3] - checks.ts[0] == 3 * 86400
    assert any("day/month/year (line 5: 13/10/2025 12:00)" in line for line in checks.notes)
    early = [f"10/{day:02}/2025 12:00" for day in (1, 2, 3, 4)]
    checks = ask(write(tmp_path, "ts,t,h\n" + rows("{ts},{t},{h}", early)))
    assert checks.ts[0] == 1759320000 and checks.ts[3] - checks.ts[0] == 3 * 86400
    assert any("month/day/year: so they span 3 days" in line for line in checks.notes)
    two_digits = [f"25/10/{day:02} 12:00" for day in (1, 2, 3, 4)]
    checks = ask(write(tmp_path, "ts,t,h\n" + rows("{ts},{t},{h}", two_digits)))
    assert checks.ts[0] == 1759320000 and checks.ts[3] - checks.ts[0] == 3 * 86400


def test_months_may_come_first_between_points(tmp_path) -> None:
    checks = ask(write(tmp_path, "ts,t,h\n10.13.2025 08:53,20,40\n10.14.2025 08:53,21,40\n"))
    assert checks.ts[0] == 1760345580
    assert "month/day/year" in checks.notes[0]


def test_the_hour_that_comes_twice_is_told_apart_in_a_zone(tmp_path) -> None:
    local = ["2025-10-26 01:30:00", "2025-10-26 02:30:00", "2025-10-26 02:30:00", "2025-10-26 03:30:00"]
    path = write(tmp_path, "ts,t,h\n" + rows("{ts},{t},{h}", local))
    check(ask(path, "--zone Europe/Paris"), 1761435000, 3600)
    back = ["2025-10-26 02:00:00", "2025-10-26 02:30:00", "2025-10-26 02:00:00", "2025-10-26 02:30:00"]
    path = write(tmp_path, "ts,t,h\n" + rows("{ts},{t},{h}", back))
    check(ask(path, "--zone Europe/Paris"), 1761436800, 1800)
    assert any("does summer time end there? Then say --zone" in line for line in ask(path).notes)


def test_an_hour_that_never_was_is_refused(tmp_path) -> None:
    local = [f"2025-03-30 02:{minute}:00" for minute in (10, 20, 30, 40)]
    path = write(tmp_path, "ts,t,h\n" + rows("{ts},{t},{h}", local))
    with pytest.raises(
        RecordingRefused, match=r":2: 2025-03-30 02:10:00 never was in Europe/Paris.*--zone Etc/GMT-1"
    ):
        ask(path, "--zone Europe/Paris")
    assert len(ask(path, "--zone Etc/GMT-1").ts) == 4


def test_seconds_since_the_start_are_read_and_said(tmp_path) -> None:
    checks = ask(write(tmp_path, "ts,t,h\n" + rows("{ts},{t},{h}", ["5.0", "10.0", "15.0", "20.0"])))
    check(checks, checks.ts[0], 5)
    assert any(
        "is no Unix time (5.0): taken as seconds since the start, 5 s" in line for line in checks.notes
    )


def test_a_few_unreadable_rows_are_left_out_and_counted(tmp_path) -> None:
    many = [f"{BEGIN + 60 * i},21.5,40" for i in range(300)]
    many[100] = f"{BEGIN + 6000},21.5{BEGIN + 6060},21.5,40"  # power was cut in the middle of a line
    many[200] = "garbage,21.5,40"
    many[250] = f"{BEGIN + 15000},err,40"
    checks = ask(write(tmp_path, "\n".join(["ts,t,h", *many])))
    assert len(checks.ts) == 298
    text = "\n".join(checks.notes)
    assert "1 rows with too many cells are left out (first: line 102)" in text
    assert "1 times cannot be read, their rows are left out (first: line 202, 'garbage')" in text
    assert "1 cells of t are no numbers and count as failed reads (line 252: 'err')" in text


def test_two_devices_in_turn_are_told_though_no_column_names_them(tmp_path) -> None:
    text = "ts,t,h\n" + "".join(f"{u},{t},{h}\n{u},{t + 9},{h}\n" for u, t, h in zip(UNIX, T, H))
    assert "several devices in one file?" in " ".join(ask(write(tmp_path, text)).notes)


def test_rows_that_end_early_are_told(tmp_path) -> None:
    checks = ask(write(tmp_path, f"ts,t,h\n{UNIX[0]},21\n" + rows("{ts},{t},{h}", UNIX)))
    assert "1 rows end early and count as failed reads (first: line 2)" in checks.notes


def test_a_unit_that_changes_amid_the_file_is_told(tmp_path) -> None:
    text = "ts,t,h\n" + "".join(f"{BEGIN + 60 * i},{20 if i < 30 else 68},40\n" for i in range(45))
    notes = " ".join(ask(write(tmp_path, text)).notes)
    assert "from about 20 to 68 at line 32 and stays: does the unit change" in notes


def test_a_file_that_takes_too_much_memory_is_refused_before_it_is_read(tmp_path) -> None:
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(RecordingRefused, match="keep its newest rows"):
        ask(path)


def test_readings_that_no_sensor_gives_are_told(tmp_path) -> None:
    text = "ts,t,h\n" + rows("{ts},{t},{h}", UNIX) + f"{BEGIN + 240},-200,40\n"
    assert any(
        "1 rows have a t that no sensor measures (first: line 6, -200)" in line
        for line in ask(write(tmp_path, text)).notes
    )


def test_the_command_shows_a_reading_and_writes_what_boards_play(tmp_path, capsys) -> None:
    path = write(tmp_path, READ["German spreadsheet"][0])
    out = tmp_path / "plain.csv"
    assert recording_command.main([str(path), "--out", str(out)]) == 0
    assert (
        "4 readings (0 failed) from 2025-10-09T08:53:20 to 2025-10-09T08:56:20 UTC" in capsys.readouterr().out
    )
    check(read(out))
    assert out.read_text().splitlines()[1:3] == [f"{BEGIN},21.68,43.03", f"{BEGIN + 60},21.70,42.92"]
    assert recording_command.main([str(path), "--out", str(path)]) == 1
    assert "is the recording itself" in capsys.readouterr().err
    assert path.read_bytes() == READ["German spreadsheet"][0].encode()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("--columns x=1", "is not one of"),
        ("--columns t=nope", "no column 'nope'"),
        ("--columns t=9", "no column '9'"),
        ("--unit R", "temperature may be in C, F, K"),
        ("--zone Mars/Base", "there is no zone"),
        ("--period 0", "is no number of seconds"),
        ("--dates ddm", "invalid choice"),
    ],
)
def test_options_that_cannot_be_followed_say_what_can(options, message, tmp_path) -> None:
    with pytest.raises(RecordingRefused, match=message):
        ask(write(tmp_path, READ["plain"][0]), options)
