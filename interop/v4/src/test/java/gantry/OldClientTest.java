package gantry;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The 4.9.8 client, as deployed in most places, against today's broker. */
class OldClientTest {
    private static Deployment deployment;
    private static DefaultMQProducer producer;

    @BeforeAll
    static void start() throws Exception {
        deployment = Deployment.start(Kind.GANTRY, Map.of());
        producer = new DefaultMQProducer("OldProducer");
        producer.setNamesrvAddr(deployment.nameServerAddress());
        producer.setSendMsgTimeout(10_000);
        producer.start();
        Peers.await("a route for new topics", 90, () -> {
            try {
                return !producer.fetchPublishMessageQueues("TBW102").isEmpty();
            } catch (MQClientException notYet) {
                return false;
            }
        });
    }

    @AfterAll
    static void stop() {
        producer.shutdown();
        deployment.close();
    }

    @Test
    void sendsSyncAsyncOnewayAndBatch() throws Exception {
        for (int i = 0; i < 20; i++) {
            assertEquals(SendStatus.SEND_OK, producer.send(message("OldSend", i)).getSendStatus());
        }
        CountDownLatch done = new CountDownLatch(20);
        for (int i = 20; i < 40; i++) {
            producer.send(message("OldSend", i), new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    done.countDown();
                }

                @Override
                public void onException(Throwable cause) {
                    cause.printStackTrace();
                }
            });
        }
        assertTrue(done.await(30, TimeUnit.SECONDS));
        for (int i = 40; i < 60; i++) {
            producer.sendOneway(message("OldSend", i));
        }
        List<Message> batch = new ArrayList<>();
        for (int i = 60; i < 80; i++) {
            batch.add(message("OldSend", i));
        }
        assertEquals(SendStatus.SEND_OK, producer.send(batch).getSendStatus());
        Peers.await("80 messages", 20, () -> {
            try {
                long total = 0;
                for (var queue : producer.fetchPublishMessageQueues("OldSend")) {
                    total += producer.maxOffset(queue);
                }
                return total == 80;
            } catch (MQClientException notYet) {
                return false;
            }
        });
    }

    @Test
    void threePushConsumersShareRetryAndResume() throws Exception {
        for (int i = 0; i < 120; i++) {
            producer.send(message("OldPush", i));
        }
        Map<String, Integer> attempts = new ConcurrentHashMap<>();
        List<DefaultMQPushConsumer> group = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            DefaultMQPushConsumer consumer = new DefaultMQPushConsumer("OldGroup");
            consumer.setNamesrvAddr(deployment.nameServerAddress());
            consumer.setInstanceName("old-" + i);
            consumer.setHeartbeatBrokerInterval(3_000);
            consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
            consumer.subscribe("OldPush", "TagA || TagB");
            consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
                String body = text(messages.get(0));
                int attempt = attempts.merge(body, 1, Integer::sum);
                return body.endsWith("7") && attempt == 1
                    ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
            consumer.start();
            group.add(consumer);
        }
        Peers.await("all 120", 60, () -> attempts.size() == 120);
        Peers.await("a second attempt at twelve of them", 60,
            () -> attempts.values().stream().filter(count -> 2 <= count).count() >= 12);
        group.forEach(DefaultMQPushConsumer::shutdown);
    }

    @Test
    void litePullAndViewById() throws Exception {
        SendResult last = null;
        for (int i = 0; i < 30; i++) {
            last = producer.send(message("OldLite", i));
        }
        DefaultLitePullConsumer consumer = new DefaultLitePullConsumer("OldLiteGroup");
        consumer.setNamesrvAddr(deployment.nameServerAddress());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe("OldLite", "*");
        consumer.start();
        ConcurrentSkipListSet<String> seen = new ConcurrentSkipListSet<>();
        Peers.await("all 30", 60, () -> {
            consumer.poll(500).forEach(message -> seen.add(text(message)));
            return seen.size() == 30;
        });
        consumer.shutdown();
        DefaultMQAdminExt admin = new DefaultMQAdminExt(10_000);
        admin.setNamesrvAddr(deployment.nameServerAddress());
        admin.start();
        assertEquals("OldLite 29", text(admin.viewMessage(last.getOffsetMsgId())));
        assertEquals(1, admin.examineBrokerClusterInfo().getBrokerAddrTable().size());
        admin.shutdown();
    }

    private static Message message(String topic, int i) {
        return new Message(topic, i % 2 == 0 ? "TagA" : "TagB", "key" + i,
            (topic + " " + i).getBytes(StandardCharsets.UTF_8));
    }

    private static String text(MessageExt message) {
        return new String(message.getBody(), StandardCharsets.UTF_8);
    }
}
