# HiveMQ Community Edition with Vigie's users and rules: the same class that the tests run against
# (tools/local/broker/java/HiveMq.java). It takes a folder with config.xml, passwords and acl.
FROM maven:3.9-eclipse-temurin-21 AS build
WORKDIR /build
COPY tools/local/broker/java/pom.xml tools/local/broker/java/HiveMq.java ./
RUN mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib
RUN javac -cp 'lib/*' -d classes HiveMq.java

FROM eclipse-temurin:21-jre
COPY --from=build /build/lib /opt/vigie/lib
COPY --from=build /build/classes /opt/vigie/classes
USER 10001
EXPOSE 8883
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["bash", "-c", ": < /dev/tcp/127.0.0.1/8883"]
ENTRYPOINT ["java", "-Xmx256m", "-cp", "/opt/vigie/lib/*:/opt/vigie/classes", "HiveMq"]
CMD ["/house/broker"]
