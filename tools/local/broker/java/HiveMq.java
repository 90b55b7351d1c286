import com.hivemq.embedded.EmbeddedExtension;
import com.hivemq.embedded.EmbeddedHiveMQ;
import com.hivemq.extension.sdk.api.ExtensionMain;
import com.hivemq.extension.sdk.api.annotations.NotNull;
import com.hivemq.extension.sdk.api.auth.SimpleAuthenticator;
import com.hivemq.extension.sdk.api.auth.parameter.SimpleAuthInput;
import com.hivemq.extension.sdk.api.auth.parameter.SimpleAuthOutput;
import com.hivemq.extension.sdk.api.auth.parameter.TopicPermission;
import com.hivemq.extension.sdk.api.auth.parameter.TopicPermission.MqttActivity;
import com.hivemq.extension.sdk.api.client.ClientContext;
import com.hivemq.extension.sdk.api.client.parameter.InitializerInput;
import com.hivemq.extension.sdk.api.interceptor.connect.parameter.ConnectInboundInput;
import com.hivemq.extension.sdk.api.interceptor.connect.parameter.ConnectInboundOutput;
import com.hivemq.extension.sdk.api.interceptor.publish.PublishOutboundInterceptor;
import com.hivemq.extension.sdk.api.packets.auth.DefaultAuthorizationBehaviour;
import com.hivemq.extension.sdk.api.packets.connect.ConnackReasonCode;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStartOutput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopInput;
import com.hivemq.extension.sdk.api.parameter.ExtensionStopOutput;
import com.hivemq.extension.sdk.api.services.Services;
import com.hivemq.extension.sdk.api.services.builder.Builders;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.PBEKeySpec;

/**
 * HiveMQ CE with the users and rules that mosquitto has: `java -cp 'lib/*' HiveMq.java FOLDER`, where FOLDER
 * holds config.xml, and `passwords` and `acl` in mosquitto's own formats.
 */
final class HiveMq implements ExtensionMain, SimpleAuthenticator {

  private static final String BACKEND = "backend"; // tools/local/users.py, BACKEND_USER

  private final Map<String, String[]> passwords = new HashMap<>(); // user -> "", "7", iterations, salt, hash
  private final Map<String, List<String[]>> rules = new HashMap<>(); // user -> "topic", activity, filter

  public static void main(String[] arguments) throws Exception {
    var folder = Path.of(arguments[0]).toAbsolutePath();
    var extension =
        EmbeddedExtension.builder()
            .withId("vigie")
            .withName("Users and topics of Vigie")
            .withVersion("1")
            .withExtensionMain(new HiveMq(folder))
            .build();
    var broker =
        EmbeddedHiveMQ.builder()
            .withConfigurationFolder(folder)
            .withDataFolder(Files.createDirectories(folder.resolve("data")))
            .withExtensionsFolder(Files.createDirectories(folder.resolve("extensions")))
            .withEmbeddedExtension(extension)
            .build();
    Runtime.getRuntime().addShutdownHook(new Thread(() -> broker.stop().join()));
    broker.start().join();
  }

  private HiveMq(Path folder) throws IOException {
    for (var line : Files.readAllLines(folder.resolve("passwords"))) {
      var colon = line.indexOf(':');
      passwords.put(line.substring(0, colon), line.substring(colon + 1).split("\\$"));
    }
    var user = "";
    for (var line : Files.readAllLines(folder.resolve("acl"))) {
      var words = line.split(" ", 3);
      if (words[0].equals("user")) {
        user = words[1];
      } else {
        rules.computeIfAbsent(user, name -> new ArrayList<>()).add(words);
      }
    }
  }

  @Override
  public void extensionStart(
      @NotNull ExtensionStartInput input, @NotNull ExtensionStartOutput output) {
    Services.securityRegistry().setAuthenticatorProvider(ignored -> this);
    Services.interceptorRegistry().setConnectInboundInterceptorProvider(ignored -> HiveMq::bindId);
    Services.initializerRegistry().setClientInitializer(this::watchDeliveries);
  }

  @Override
  public void extensionStop(
      @NotNull ExtensionStopInput input, @NotNull ExtensionStopOutput output) {}

  @Override
  public void onConnect(@NotNull SimpleAuthInput input, @NotNull SimpleAuthOutput output) {
    var user = input.getConnectPacket().getUserName().orElse("");
    var given = input.getConnectPacket().getPassword().orElse(null);
    if (given == null || !matches(passwords.get(user), StandardCharsets.UTF_8.decode(given).toString())) {
      output.failAuthentication(ConnackReasonCode.NOT_AUTHORIZED, "wrong user name or password");
      return;
    }
    for (var rule : rules.getOrDefault(user, List.of())) {
      output.getDefaultPermissions().add(permission(rule[1], rule[2]));
    }
    // Without a single rule HiveMQ would allow everything.
    output.getDefaultPermissions().setDefaultBehaviour(DefaultAuthorizationBehaviour.DENY);
    output.authenticateSuccessfully();
  }

  /**
   * Nobody can take another's session: a board's is called like its user, as mosquitto does with
   * use_username_as_clientid; the backend's workers choose their names, below their user.
   */
  private static void bindId(ConnectInboundInput input, ConnectInboundOutput output) {
    var packet = output.getConnectPacket();
    var user = packet.getUserName().orElse("");
    packet.setClientId(user.equals(BACKEND) ? BACKEND + ":" + packet.getClientId() : user);
  }

  /**
   * HiveMQ asks for permissions when a client subscribes. A session lives longer than that: what a board may
   * not read now is not delivered, whatever was subscribed before.
   */
  private void watchDeliveries(InitializerInput input, ClientContext context) {
    var id = input.getClientInformation().getClientId();
    if (id.startsWith(BACKEND + ":")) {
      return;
    }
    var readable =
        rules.getOrDefault(id, List.of()).stream()
            .filter(rule -> !rule[1].equals("write"))
            .map(rule -> rule[2])
            .toList();
    PublishOutboundInterceptor check =
        (publish, delivery) -> {
          if (!readable.contains(publish.getPublishPacket().getTopic())) {
            delivery.preventPublishDelivery();
          }
        };
    context.addPublishOutboundInterceptor(check);
  }

  private static TopicPermission permission(String activity, String filter) {
    var allowed =
        switch (activity) {
          case "write" -> MqttActivity.PUBLISH;
          case "read" -> MqttActivity.SUBSCRIBE;
          default -> MqttActivity.ALL;
        };
    return Builders.topicPermission().topicFilter(filter).activity(allowed).build();
  }

  /** Whether `given` has the hash that mosquitto_passwd would have made of it ($7$: PBKDF2, SHA-512). */
  private static boolean matches(String[] kept, String given) {
    if (kept == null || given.isEmpty()) {
      return false;
    }
    try {
      var hash = Base64.getDecoder().decode(kept[4]);
      var salt = Base64.getDecoder().decode(kept[3]);
      var key = new PBEKeySpec(given.toCharArray(), salt, Integer.parseInt(kept[2]), hash.length * 8);
      var made = SecretKeyFactory.getInstance("PBKDF2WithHmacSHA512").generateSecret(key).getEncoded();
      return MessageDigest.isEqual(made, hash);
    } catch (GeneralSecurityException problem) {
      throw new IllegalStateException(problem);
    }
  }
}
